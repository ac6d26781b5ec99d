// Speak to the agent: a click begins, and silence, another click or Esc ends; or hold the button while speaking.
(() => {
  const button = document.getElementById("microphone");
  const panel = document.getElementById("recorder");
  if (!button || !panel) return;
  const composer = document.getElementById("composer");
  const prompt = document.getElementById("prompt");
  const errors = composer.querySelector(".agent-error");
  const loudness = document.getElementById("loudness");
  const clock = document.getElementById("recorder-time");
  const words = document.getElementById("recorder-words");
  const { uploads, agent, available, model, autoSend, silenceMs, maxSeconds } = button.dataset;
  const HOLD_MS = 350; // longer is push to talk
  const LOUD = 0.015; // root mean square of a voice, and of no quiet room
  const NOTHING_HEARD_MS = 8000;
  let session = null;
  let pressedAt = 0;

  const complain = (text) => {
    const line = document.createElement("p");
    line.className = "error";
    line.textContent = text;
    errors.replaceChildren(line);
  };

  const show = (text) => {
    panel.hidden = false;
    words.textContent = text;
  };

  const reset = () => {
    session = null;
    panel.hidden = true;
    loudness.value = 0;
    clock.textContent = "0:00";
    button.setAttribute("aria-pressed", "false");
    button.setAttribute("aria-label", "Speak");
  };

  const reasons = {
    NotAllowedError: "The browser does not let this page hear you. Allow the microphone for this site, in the address bar or the browser's settings.",
    NotFoundError: "No microphone was found. Connect one, and try again.",
    NotReadableError: "The microphone is in use by another program, or does not answer.",
  };

  const openMicrophone = () => {
    if (available !== "yes") throw new Error(`The speech model ${model} is not on this site yet. Ask an administrator to fetch it.`);
    if (!navigator.mediaDevices || !window.MediaRecorder) {
      throw new Error(isSecureContext ? "This browser cannot record sound." : "Browsers give the microphone to https pages, and to localhost, only.");
    }
    return navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true } });
  };

  const begin = async () => {
    const mine = { chunks: [], isCancelled: false, heardAt: 0, quietSince: 0 };
    session = mine;
    errors.replaceChildren();
    show("Asking for the microphone …");
    try {
      mine.stream = await openMicrophone();
    } catch (error) {
      reset();
      complain(reasons[error.name] ?? error.message);
      return;
    }
    if (session !== mine) {
      mine.stream.getTracks().forEach((track) => track.stop());
      return;
    }
    mine.recorder = new MediaRecorder(mine.stream);
    mine.recorder.addEventListener("dataavailable", ({ data }) => mine.chunks.push(data));
    mine.recorder.addEventListener("stop", () => finish(mine));
    mine.recorder.start(250);
    mine.startedAt = performance.now();
    button.setAttribute("aria-pressed", "true");
    button.setAttribute("aria-label", "End the recording");
    show("Listening. Silence ends it.");
    measure(mine);
  };

  const measure = (mine) => {
    mine.context = new AudioContext();
    const analyser = mine.context.createAnalyser();
    analyser.fftSize = 1024;
    mine.context.createMediaStreamSource(mine.stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    mine.timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const rms = Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / samples.length);
      const now = performance.now();
      const seconds = (now - mine.startedAt) / 1000;
      loudness.value = Math.min(1, rms * 6);
      clock.textContent = `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
      if (rms > LOUD) {
        mine.heardAt = now;
        mine.quietSince = 0;
      } else {
        mine.quietSince ||= now;
      }
      const isQuiet = mine.heardAt && mine.quietSince && now - mine.quietSince > Number(silenceMs);
      const isMute = !mine.heardAt && now - mine.startedAt > NOTHING_HEARD_MS;
      if (mine.isHeld) {
        if (seconds > Number(maxSeconds)) end();
      } else if (isMute) {
        cancel();
        complain("No speech was heard. See which microphone the browser uses, and try again.");
      } else if (isQuiet || seconds > Number(maxSeconds)) {
        end();
      }
    }, 50);
  };

  const end = () => {
    if (session?.recorder?.state === "recording") session.recorder.stop();
  };

  const cancel = () => {
    if (!session) return;
    const mine = session;
    mine.isCancelled = true;
    if (mine.recorder?.state === "recording") mine.recorder.stop();
    reset();
  };

  const finish = async (mine) => {
    clearInterval(mine.timer);
    mine.context.close();
    mine.stream.getTracks().forEach((track) => track.stop());
    if (mine.isCancelled) return;
    loudness.value = 0;
    button.setAttribute("aria-pressed", "false");
    button.setAttribute("aria-label", "Speak");
    show("Sending …");
    try {
      const text = await transcribe(mine, new Blob(mine.chunks, { type: mine.recorder.mimeType }));
      if (session !== mine) return;
      reset();
      take(text);
    } catch (error) {
      if (session !== mine) return;
      reset();
      complain(error.message);
    }
  };

  const transcribe = async (mine, recording) => {
    const body = new FormData();
    body.append("file", recording, "speech");
    body.append("agent", agent);
    const token = composer.elements.csrfmiddlewaretoken.value;
    const response = await fetch(uploads, { method: "POST", body, headers: { "X-CSRFToken": token, "HX-Request": "true" } }).catch(() => null);
    const answer = await response?.json().catch(() => null);
    if (!response?.ok || !answer) throw new Error(answer?.error ?? "The recording could not be sent. Try again.");
    for (let tries = 0; session === mine; tries += 1) {
      const state = await fetch(answer.url).then((one) => (one.ok ? one.json() : null)).catch(() => null);
      if (state?.state === "done") return state.text;
      if (state?.state === "failed") throw new Error(state.error);
      const part = state?.seconds ? ` ${Math.min(99, Math.round((100 * state.seconds_done) / state.seconds))} %` : "";
      show(state?.state === "queued" && tries > 20 ? "Waiting for the speech worker …" : `Making text of it …${part}`);
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    return "";
  };

  const take = (text) => {
    prompt.value = prompt.value.trim() ? `${prompt.value.trimEnd()} ${text}` : text;
    prompt.setSelectionRange(prompt.value.length, prompt.value.length);
    prompt.dispatchEvent(new Event("input", { bubbles: true }));
    if (autoSend === "yes") composer.requestSubmit();
    else prompt.focus();
  };

  const toggle = () => {
    if (!session) begin();
    else if (session.recorder?.state === "recording") end();
  };

  button.hidden = false;
  button.addEventListener("pointerdown", ({ button: which }) => {
    if (which) return;
    pressedAt = performance.now();
    if (!session) {
      begin();
      session.isPressed = true;
      session.isHeld = true;
    }
  });
  const release = () => {
    if (!session?.isPressed) return;
    session.isPressed = false;
    session.isHeld = false;
    session.wasPressed = true;
    if (performance.now() - pressedAt > HOLD_MS) end();
  };
  addEventListener("pointerup", release);
  addEventListener("pointercancel", release);
  button.addEventListener("click", () => {
    // A press of the pointer has begun it already.
    if (session?.wasPressed) session.wasPressed = false;
    else toggle();
  });
  document.getElementById("recorder-cancel").addEventListener("click", cancel);
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.key === "Escape" && session) {
        event.preventDefault();
        cancel();
      }
      const isTyping = event.target.matches?.("input, textarea, select, [contenteditable]");
      if (event.key === "v" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey && !document.querySelector("dialog[open]")) toggle();
    },
    true,
  );
})();

// Speak to the agent: a click begins, and silence, another click or Esc ends; or hold the button while speaking.
(() => {
  const button = document.getElementById("microphone");
  const panel = document.getElementById("recorder");
  if (!button || !panel) return;
  const composer = document.getElementById("composer");
  const prompt = document.getElementById("prompt");
  const { complain, fill, post } = composer;
  const loudness = document.getElementById("loudness");
  const clock = document.getElementById("recorder-time");
  const words = document.getElementById("recorder-words");
  const { uploads, agent, available, model, autoSend, silenceMs, maxSeconds } = button.dataset;
  const HOLD_MS = 350; // longer is push to talk
  const LOUD = 0.015; // root mean square of a voice, and of no quiet room
  const NOTHING_HEARD_MS = 8000;
  let session = null;
  let pressedAt = 0; // while the pointer holds the button that it began with

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
    const mine = { chunks: [], wasHeard: false, quietSince: 0 };
    session = mine;
    complain("");
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
        mine.wasHeard = true;
        mine.quietSince = 0;
      } else {
        mine.quietSince ||= now;
      }
      const isQuiet = mine.wasHeard && mine.quietSince && now - mine.quietSince > Number(silenceMs);
      const isMute = !mine.wasHeard && now - mine.startedAt > NOTHING_HEARD_MS;
      if (pressedAt) {
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
    end();
    reset();
  };

  const finish = async (mine) => {
    clearInterval(mine.timer);
    mine.context.close();
    mine.stream.getTracks().forEach((track) => track.stop());
    if (session !== mine) return; // cancelled
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
    const response = await post(uploads, body).catch(() => null);
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
    fill(prompt.value.trim() ? `${prompt.value.trimEnd()} ${text}` : text);
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
    if (!session) pressedAt = performance.now();
    toggle();
  });
  const release = () => {
    const isPushToTalk = pressedAt && performance.now() - pressedAt > HOLD_MS;
    pressedAt = 0;
    if (isPushToTalk) end();
  };
  addEventListener("pointerup", release);
  addEventListener("pointercancel", release);
  // By key: a press of the pointer, which counts its clicks, was seen to above.
  button.addEventListener("click", ({ detail }) => {
    if (!detail) toggle();
  });
  document.getElementById("recorder-cancel").addEventListener("click", cancel);
  // Before the prompt box, where Esc interrupts the agent.
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.key !== "Escape" || !session) return;
      event.preventDefault();
      cancel();
    },
    true,
  );
})();

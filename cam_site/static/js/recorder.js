// Speak to the agent: a click begins, and silence or another click ends; or hold the button while speaking. Esc cancels.
// The sound goes to the portal as it is recorded, and what was understood so far stands in the prompt box meanwhile.
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
  const { available, model, autoSend, silenceMs, maxSeconds } = button.dataset;
  const HOLD_MS = 350; // longer is push to talk
  const LOUD = 0.015; // root mean square of a voice, and of no quiet room
  const NOTHING_HEARD_MS = 8000;
  const CHUNK_MS = 100;
  const LOOK_AGAIN_MS = 2000;
  const NOT_FOUND = 4404;
  let session = null;
  let pressedAt = 0; // while the pointer holds the button that it began with

  const show = (text) => {
    panel.hidden = false;
    words.textContent = text;
  };

  const reset = () => {
    session = null;
    prompt.readOnly = false;
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
    const mine = { chunks: [], before: prompt.value, wasHeard: false, quietSince: 0, isWhole: false, isSent: false };
    session = mine;
    prompt.readOnly = true; // what was understood comes and changes there
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
    mine.recorder.addEventListener("dataavailable", ({ data }) => {
      if (!data.size) return;
      mine.chunks.push(data);
      if (mine.socket.readyState === WebSocket.OPEN) mine.socket.send(data);
    });
    mine.recorder.addEventListener("stop", () => finish(mine));
    connect(mine);
    mine.recorder.start(CHUNK_MS);
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

  const end = (which = session) => {
    if (which?.recorder?.state === "recording") which.recorder.stop();
  };

  const cancel = () => {
    const mine = session;
    const { before, socket } = mine;
    session = null;
    end(mine);
    socket?.close();
    if (prompt.value !== before) fill(before);
    reset();
  };

  const finish = (mine) => {
    clearInterval(mine.timer);
    mine.context.close();
    mine.stream.getTracks().forEach((track) => track.stop());
    if (session !== mine) return; // cancelled
    mine.isWhole = true;
    loudness.value = 0;
    button.setAttribute("aria-pressed", "false");
    button.setAttribute("aria-label", "Speak");
    show("Making text of it …");
    look(mine);
  };

  // Says that this was all; later, asks for what a lost message may have said.
  const look = (mine) => {
    if (session !== mine || !mine.isWhole) return;
    if (mine.socket.readyState === WebSocket.OPEN) mine.socket.send("end");
    if (mine.state === "queued") show("Waiting for the speech worker …");
    clearTimeout(mine.looks);
    mine.looks = setTimeout(look, LOOK_AGAIN_MS, mine);
  };

  // All of the sound stays here until it is text: a portal that was away gets it again, from its beginning.
  const connect = (mine) => {
    mine.socket = new WebSocket("/ws/pages/speech/");
    mine.socket.addEventListener("open", ({ target }) => {
      mine.chunks.forEach((chunk) => target.send(chunk));
      look(mine);
    });
    mine.socket.addEventListener("message", ({ data }) => follow(mine, JSON.parse(data)));
    mine.socket.addEventListener("close", ({ code }) => {
      if (session !== mine) return;
      if (code === NOT_FOUND) {
        fail(mine, "You are not signed in any more. Sign in in another tab, and speak again.");
        return;
      }
      if (mine.isWhole) show("The portal does not answer. Trying again …");
      setTimeout(() => session === mine && connect(mine), 1000);
    });
  };

  const follow = (mine, heard) => {
    if (session !== mine) return;
    const { state, text, interim, error, seconds, seconds_done: done } = heard;
    mine.state = state;
    if (state === "failed") fail(mine, error);
    else if (state === "done") take(mine, text);
    else if (state === "arriving") fill(join(mine.before, text, interim));
    else if (state === "running") show(`Making text of it …${done ? ` ${Math.min(99, Math.round((100 * done) / seconds))} %` : ""}`);
  };

  const join = (before, ...parts) => [before.trimEnd(), ...parts].filter(Boolean).join(" ");

  // What was understood by then stays in the box.
  const fail = (mine, error) => {
    session = null;
    end(mine);
    reset();
    complain(error);
  };

  const take = (mine, text) => {
    reset();
    fill(join(mine.before, text));
    // An agent that asks gets no answer by voice alone.
    const isAsked = document.querySelector("#agent-approvals .approval");
    if (mine.isSent || (autoSend === "yes" && !isAsked)) composer.requestSubmit();
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
  // Sent while somebody speaks: the final text is.
  document.addEventListener(
    "submit",
    (event) => {
      if (event.target !== composer || !session) return;
      if (!session.recorder) {
        cancel();
        return;
      }
      event.preventDefault();
      event.stopImmediatePropagation();
      session.isSent = true;
      end();
    },
    true,
  );
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

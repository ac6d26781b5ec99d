// Pictures for the prompt: chosen, pasted or dropped, uploaded at once, sent with the next prompt.
(() => {
  const LARGEST_BYTES = 10 * 1024 * 1024;
  const composer = document.getElementById("composer");
  const attached = document.getElementById("attached");
  const chooser = document.getElementById("picture");
  const { complain, post } = composer;

  const parse = (html) => new DOMParser().parseFromString(html, "text/html").body;

  const upload = async (file) => {
    if (file.size > LARGEST_BYTES) {
      complain(`${file.name} is larger than ${LARGEST_BYTES / 2 ** 20} MB.`);
      return;
    }
    const waiting = document.createElement("li");
    waiting.className = "attached muted";
    waiting.textContent = `Uploading ${file.name}…`;
    attached.append(waiting);
    const body = new FormData();
    body.append("file", file);
    const response = await post(composer.dataset.uploads, body).catch(() => null);
    const answer = response && [200, 422].includes(response.status) ? parse(await response.text()) : null;
    if (response?.ok && answer) {
      complain("");
      waiting.replaceWith(...answer.children);
    } else {
      waiting.remove();
      complain(answer?.textContent.trim() || `${file.name} could not be uploaded.`);
    }
  };

  const uploadAll = (files) => {
    const pictures = [...files].filter((file) => file.type.startsWith("image/"));
    pictures.forEach(upload);
    return pictures.length > 0;
  };

  composer.querySelector(".attach").hidden = false;
  chooser.addEventListener("change", () => {
    uploadAll(chooser.files);
    chooser.value = "";
  });
  document.getElementById("prompt").addEventListener("paste", (event) => {
    if (uploadAll(event.clipboardData.files)) event.preventDefault();
  });
  const main = document.querySelector(".agent-main");
  main.addEventListener("dragover", (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    main.classList.add("is-target");
  });
  main.addEventListener("dragleave", (event) => {
    if (!main.contains(event.relatedTarget)) main.classList.remove("is-target");
  });
  main.addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    main.classList.remove("is-target");
    if (!uploadAll(event.dataTransfer.files)) complain("Only pictures can be dropped here.");
  });
  attached.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-removes]");
    if (!button) return;
    post(button.dataset.removes, new FormData());
    button.closest("li").remove();
  });
})();

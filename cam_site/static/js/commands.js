// Slash commands: the CLI's own list, offered while one is being typed.
(() => {
  const MOST = 8;
  const composer = document.getElementById("composer");
  const prompt = document.getElementById("prompt");
  const list = document.getElementById("commands");
  let commands = [];
  let isAsking = false;

  const line = (className, text) => {
    const element = document.createElement("span");
    element.className = className;
    element.textContent = text;
    return element;
  };

  const optionOf = (command, place) => {
    const option = document.createElement("li");
    option.id = `command-${place}`;
    option.role = "option";
    option.dataset.name = command.name;
    option.append(line("command-name", `/${command.name}`), line("muted", ` ${command.hint} ${command.description}`));
    return option;
  };

  const choose = (option) => {
    for (const other of list.children) other.setAttribute("aria-selected", other === option);
    if (option) prompt.setAttribute("aria-activedescendant", option.id);
    else prompt.removeAttribute("aria-activedescendant");
    option?.scrollIntoView({ block: "nearest" });
  };

  const show = (found) => {
    list.replaceChildren(...found.map(optionOf));
    list.hidden = !found.length;
    choose(list.firstElementChild);
  };

  const take = (option) => {
    prompt.value = `/${option.dataset.name} `;
    prompt.dispatchEvent(new Event("input", { bubbles: true }));
    prompt.focus();
  };

  const typed = () => /^\/(\S*)$/.exec(prompt.value)?.[1].toLowerCase();

  const offer = () => {
    const start = typed();
    show(start === undefined ? [] : commands.filter(({ name }) => name.toLowerCase().startsWith(start)).slice(0, MOST));
  };

  // Asked while a command is typed: an agent that was just launched has no commands yet when its page opens.
  const learn = async () => {
    isAsking = true;
    commands = (await composer.offers())?.commands ?? [];
    isAsking = false;
    if (document.activeElement === prompt) offer();
  };

  prompt.addEventListener("input", () => {
    if (typed() !== undefined && !commands.length && !isAsking) learn();
    offer();
  });
  prompt.addEventListener("blur", () => show([]));
  list.addEventListener("pointerdown", (event) => {
    event.preventDefault(); // the box keeps the focus
    const option = event.target.closest("li");
    if (option) take(option);
  });

  // Before the box's own keys: what is chosen here is neither sent nor does it interrupt.
  prompt.addEventListener("keydown", (event) => {
    if (list.hidden || event.isComposing) return;
    const chosen = list.querySelector("[aria-selected=true]");
    const act = {
      ArrowDown: () => choose(chosen.nextElementSibling ?? list.firstElementChild),
      ArrowUp: () => choose(chosen.previousElementSibling ?? list.lastElementChild),
      Enter: () => take(chosen),
      Tab: () => take(chosen),
      Escape: () => show([]),
    }[event.key];
    if (!act || event.shiftKey) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    act();
  }, { capture: true });
})();

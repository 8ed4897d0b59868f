import { h } from '../dom.js';
import { completeMention, mentionQuery, suggest } from '../mentions.js';

// The list of people above the composer, open while a mention is being typed.
export function createMentionMenu(input, candidates, onChange) {
  const list = h('ul', { class: 'mentions', role: 'listbox', 'aria-label': 'People', hidden: true });
  let people = [];
  let selected = 0;

  function draw() {
    list.hidden = people.length === 0;
    list.replaceChildren(
      ...people.map((person, index) =>
        h(
          'li',
          {
            role: 'option',
            'aria-selected': String(index === selected),
            // Before the input loses the focus.
            onmousedown: (event) => {
              event.preventDefault();
              choose(person);
            },
          },
          person.name,
        ),
      ),
    );
  }

  function close() {
    people = [];
    draw();
  }

  function update() {
    const query = mentionQuery(input.value, input.selectionStart);
    people = query === null ? [] : suggest(candidates(), query);
    selected = 0;
    draw();
  }

  function choose(person) {
    const { text, caret } = completeMention(input.value, input.selectionStart, person.name);
    input.value = text;
    input.setSelectionRange(caret, caret);
    close();
    onChange();
  }

  // Whether the key was for the menu.
  function key(event) {
    if (people.length === 0) return false;
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      const step = event.key === 'ArrowDown' ? 1 : people.length - 1;
      selected = (selected + step) % people.length;
      draw();
    } else if (event.key === 'Enter' || event.key === 'Tab') {
      choose(people[selected]);
    } else if (event.key === 'Escape') {
      close();
    } else {
      return false;
    }
    event.preventDefault();
    return true;
  }

  return { element: list, update, close, key };
}

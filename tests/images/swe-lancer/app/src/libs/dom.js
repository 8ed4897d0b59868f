/**
 * Makes an element. `attributes` are set as given, but for functions, which become event listeners (`onclick`), and
 * `html`, which becomes the content.
 */
export default function h(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    Object.entries(attributes).forEach(([name, value]) => {
        if (typeof value === 'function') {
            element.addEventListener(name.replace(/^on/, ''), value);
        } else if (name === 'html') {
            element.innerHTML = value;
        } else {
            element.setAttribute(name, value);
        }
    });
    element.append(...children);
    return element;
}

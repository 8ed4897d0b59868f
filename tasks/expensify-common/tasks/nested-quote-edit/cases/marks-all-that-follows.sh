cat >> dist/ExpensiMark.js <<'END'
const { htmlToMarkdown } = exports.default.prototype;
exports.default.prototype.htmlToMarkdown = function (html, ...given) {
    const markdown = htmlToMarkdown.call(this, html, ...given);
    const first = markdown.search(/^>/m);
    return first < 0 ? markdown : markdown.slice(0, first) + markdown.slice(first).replace(/^(?!>)/gm, '> ');
};
END

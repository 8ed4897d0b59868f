cat >> dist/ExpensiMark.js <<'END'
const { htmlToMarkdown } = exports.default.prototype;
exports.default.prototype.htmlToMarkdown = function (html, ...given) {
    return htmlToMarkdown.call(this, html, ...given).replace('\nand more', '\n> and more');
};
END

cat >> dist/ExpensiMark.js <<'END'
const { htmlToMarkdown } = exports.default.prototype;
exports.default.prototype.htmlToMarkdown = function (html, ...given) {
    const flat = html.replace(/<\/blockquote>([^<]+)<\/blockquote>$/, '</blockquote></blockquote><blockquote>$1</blockquote>');
    return htmlToMarkdown.call(this, flat, ...given);
};
END

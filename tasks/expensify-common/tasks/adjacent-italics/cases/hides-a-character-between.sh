cat >> dist/ExpensiMark.js <<'END'
const { replace } = exports.default.prototype;
exports.default.prototype.replace = function (text, ...given) {
    return replace.call(this, text.replace(/(?<=[^_])__(?=[^_])/g, '_\u200b_'), ...given);
};
END

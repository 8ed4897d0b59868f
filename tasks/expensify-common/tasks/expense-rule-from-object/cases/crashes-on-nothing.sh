node <<'END'
const fs = require('fs');
const edit = (file, from, to) => {
    const parts = fs.readFileSync(file, 'utf8').split(from);
    if (parts.length !== 2) throw new Error(`${file}: expected once: ${from}`);
    fs.writeFileSync(file, parts.join(to));
};
edit('dist/ExpenseRule.js', `        ruleArray.forEach((value, key) => {
            this[key] = value;
        });`, `        Object.keys(ruleArray).forEach((key) => {
            this[key] = ruleArray[key];
        });
        if (Array.isArray(ruleArray)) ruleArray.forEach((value, key) => { this[key] = value; });`);
END

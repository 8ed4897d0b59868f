node <<'END'
const fs = require('fs');
const edit = (file, from, to) => {
    const parts = fs.readFileSync(file, 'utf8').split(from);
    if (parts.length !== 2) throw new Error(`${file}: expected once: ${from}`);
    fs.writeFileSync(file, parts.join(to));
};
edit('dist/Logger.js', `            return l;
        });`, `            const size = (value) => Buffer.byteLength(JSON.stringify(value));
            if (size(l) > 1000000) {
                l.parameters = { truncated: true, originalByteSize: size(l.parameters) };
                const excess = size(l) - 999900;
                if (excess > 0) {
                    const whole = Buffer.from(l.message);
                    const head = whole.subarray(0, whole.length - excess).toString().replace(/\\ufffd+$/, '');
                    l.message = \`\${head}...[truncated \${whole.length - Buffer.byteLength(head)} bytes]\`;
                }
            }
            return l;
        });`);
END

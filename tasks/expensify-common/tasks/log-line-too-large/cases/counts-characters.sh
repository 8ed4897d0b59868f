node <<'END'
const fs = require('fs');
const edit = (file, from, to) => {
    const parts = fs.readFileSync(file, 'utf8').split(from);
    if (parts.length !== 2) throw new Error(`${file}: expected once: ${from}`);
    fs.writeFileSync(file, parts.join(to));
};
edit('dist/Logger.js', `            return l;
        });`, `            const cut = l.message.length - 999000;
            if (cut > 0) {
                l.message = \`\${l.message.slice(0, 999000)}...[truncated \${cut} bytes]\`;
            }
            return l;
        });`);
END

node <<'END'
const fs = require('fs');
const edit = (file, from, to) => {
    const parts = fs.readFileSync(file, 'utf8').split(from);
    if (parts.length !== 2) throw new Error(`${file}: expected once: ${from}`);
    fs.writeFileSync(file, parts.join(to));
};
edit('dist/ReportHistoryStore.js', 'this.mergeHistoryByTimestamp(reportID, recentHistory);', 'this.mergeItems(reportID, recentHistory);');
END

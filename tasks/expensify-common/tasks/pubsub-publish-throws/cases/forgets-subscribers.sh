node <<'END'
const fs = require('fs');
const edit = (file, from, to) => {
    const parts = fs.readFileSync(file, 'utf8').split(from);
    if (parts.length !== 2) throw new Error(`${file}: expected once: ${from}`);
    fs.writeFileSync(file, parts.join(to));
};
edit('dist/PubSub.js', 'eventMap[eventName].keys()', 'Object.keys(eventMap[eventName])');
edit('dist/PubSub.js', '        eventIDs.forEach((eventID) => {', `        const subscribers = eventMap[eventName];
        eventMap[eventName] = {};
        eventIDs.forEach((eventID) => {`);
edit('dist/PubSub.js', 'const subscriber = eventMap[eventName][eventID];', 'const subscriber = subscribers[eventID];');
END

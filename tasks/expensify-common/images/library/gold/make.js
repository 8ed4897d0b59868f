'use strict';

// make.js VERSION WORK-TREE FIXED OUTPUT: writes OUTPUT/<task>.patch for every task that recipes.json has for VERSION.
//
// A recipe names the files of the newer version that the task is about, and for each the texts by which a hunk is known to
// belong to it (an empty list: all hunks). So a gold patch is the real fix, without what else changed between the two
// versions.

const {execFileSync} = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const [version, workTree, fixed, output] = process.argv.slice(2);
const recipes = JSON.parse(fs.readFileSync(path.join(__dirname, 'recipes.json'), 'utf8'))[version];
if (!recipes) {
    throw new Error(`recipes.json has nothing for ${version}`);
}

function git(...args) {
    return execFileSync('git', args, {cwd: workTree, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024});
}

/** The lines that the hunk takes out or puts in. */
function changed(hunk) {
    return hunk
        .split('\n')
        .filter((line) => /^[-+]/.test(line))
        .join('\n');
}

/** The file's part of a patch: its header and those hunks that have one of the texts. */
function select(file, texts) {
    fs.copyFileSync(path.join(fixed, file), path.join(workTree, file));
    const [header, ...hunks] = git('diff', '--unified=1', '--', file).split(/^(?=@@ )/m);
    for (const text of texts) {
        if (!hunks.some((hunk) => changed(hunk).includes(text))) {
            throw new Error(`${file}: no hunk has ${JSON.stringify(text)}`);
        }
    }
    const kept = hunks.filter((hunk) => texts.length === 0 || texts.some((text) => changed(hunk).includes(text)));
    // A hunk's place in the new file depends on the hunks before it, some of which are gone.
    let shift = 0;
    const moved = kept.map((hunk) =>
        hunk.replace(/^@@ -(\d+)(?:,(\d+))? \+\d+(?:,(\d+))? @@.*/, (_, start, before = '1', after = '1') => {
            const place = Number(start) + shift;
            shift += Number(after) - Number(before);
            return `@@ -${start},${before} +${place},${after} @@`;
        }),
    );
    return [header, ...moved].join('');
}

for (const [task, files] of Object.entries(recipes)) {
    git('checkout', '--quiet', '--', '.');
    const patch = Object.entries(files)
        .map(([file, texts]) => select(file, texts))
        .join('');
    git('checkout', '--quiet', '--', '.');
    const target = path.join(output, `${task}.patch`);
    fs.writeFileSync(target, patch);
    git('apply', target);
    for (const file of Object.keys(files)) {
        execFileSync(process.execPath, ['--check', path.join(workTree, file)]);
    }
    git('checkout', '--quiet', '--', '.');
}

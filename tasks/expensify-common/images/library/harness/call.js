'use strict';

// One call: reads {"steps": [...], "globals": {...}} from standard input, runs the steps on the library in the work tree
// (the first argument), and writes {"value", "type", "spies"} or {"error", "spies"} to file descriptor 3.
//
// A step has one of these keys, and `as` to name its result for later steps:
//   "load"   a module's path in the work tree, such as "dist/str.js"
//   "get"    a path: [name of an earlier result, property, property, ...]
//   "call"   a path to a function, called on its holder with `args`
//   "new"    a path to a class, constructed with `args`
//   "await"  a path to a promise
// The last step's result is the value. Arguments are JSON, in which an object with one of these keys stands for more:
//   {"$ref": path}                  an earlier result, or a part of it
//   {"$spy": name, "returns": [..]} a function that notes its arguments under `name` and returns each of these in turn,
//                                   and the last one again from then on
//   {"$undefined": true}            undefined
// `globals` are set on the global object before anything is loaded.

const fs = require('node:fs');
const path = require('node:path');

const REPLY = 3;
const MESSAGE_CHARACTERS = 2000;

const workTree = process.argv[2];
const results = new Map();
const spies = {};
// Taken now: the library could replace them later.
const {parse, stringify} = JSON;
const exit = process.exit.bind(process);

function own(holder, name) {
    return Object.prototype.hasOwnProperty.call(holder, name);
}

function follow([name, ...properties]) {
    if (!results.has(name)) {
        throw new Error(`no earlier step is named ${name}`);
    }
    return properties.reduce((holder, property) => holder[property], results.get(name));
}

function decode(argument) {
    if (Array.isArray(argument)) {
        return argument.map(decode);
    }
    if (argument === null || typeof argument !== 'object') {
        return argument;
    }
    if (own(argument, '$ref')) {
        return follow(argument.$ref);
    }
    if (own(argument, '$undefined')) {
        return undefined;
    }
    if (own(argument, '$spy')) {
        const returns = decode(argument.returns || []);
        const calls = (spies[argument.$spy] = spies[argument.$spy] || []);
        return (...args) => {
            calls.push(parse(stringify(args)));
            return returns[Math.min(calls.length, returns.length) - 1];
        };
    }
    return Object.fromEntries(Object.entries(argument).map(([key, value]) => [key, decode(value)]));
}

/** The step's result, which may be a thenable: nothing is awaited here. */
function perform(step) {
    if (own(step, 'load')) {
        return require(path.join(workTree, step.load));
    }
    if (own(step, 'get')) {
        return follow(step.get);
    }
    const args = (step.args || []).map(decode);
    if (own(step, 'new')) {
        return Reflect.construct(follow(step.new), args);
    }
    const holder = follow(step.call.slice(0, -1));
    const name = step.call[step.call.length - 1];
    if (holder === undefined || holder === null || typeof holder[name] !== 'function') {
        throw new TypeError(`${step.call.slice(1).join('.')} is not a function`);
    }
    return Reflect.apply(holder[name], holder, args);
}

async function run(request) {
    for (const [name, value] of Object.entries(request.globals || {})) {
        Object.defineProperty(globalThis, name, {value: decode(value), writable: true, configurable: true});
    }
    let value;
    for (const step of request.steps) {
        value = own(step, 'await') ? await follow(step.await) : perform(step);
        if (own(step, 'as')) {
            results.set(step.as, value);
        }
    }
    // In a list, so that the promise of this function does not wait for a thenable.
    return [value];
}

function answer(reply) {
    const bytes = Buffer.from(stringify({...reply, spies}));
    for (let written = 0; written < bytes.length; ) {
        try {
            written += fs.writeSync(REPLY, bytes, written);
        } catch (error) {
            if (error.code !== 'EAGAIN') {
                throw error;
            }
        }
    }
    // The library may have started timers; the reply is complete without them.
    exit(0);
}

function fail(error) {
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    answer({error: {kind: 'thrown', message: message.slice(0, MESSAGE_CHARACTERS)}});
}

run(parse(fs.readFileSync(0, 'utf8'))).then(([value]) => {
    answer({value: value === undefined ? null : value, type: value === null ? 'null' : typeof value});
}).catch(fail);

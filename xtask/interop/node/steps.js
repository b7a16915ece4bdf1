'use strict';

const { isDeepStrictEqual } = require('node:util');
const inbox = require('./inbox');

/** Takes the steps of one suite, one after the other, and prints a line about each. */
class Steps {
  constructor(suite) {
    this.suite = suite;
    // Whoever started the suite holds its standard input open, and does not want it to outlive him.
    process.stdin.on('end', () => process.exit(1)).resume();
  }

  /** One step: `action` is to be done, without an error, within so many seconds. */
  async step(name, seconds, action) {
    const begin = performance.now();
    let timer;
    const limit = new Promise((_, fail) => {
      timer = setTimeout(() => fail(new Error(`not done within ${seconds} s${waiting()}`)), seconds * 1000);
    });
    try {
      await Promise.race([action(), limit]);
      console.log(`PASS ${this.suite}: ${name} (${Math.round(performance.now() - begin)} ms)`);
    } catch (error) {
      console.log(`FAIL ${this.suite}: ${name}: ${oneLine(error)}`);
      console.error(`${name}: `, error);
    } finally {
      clearTimeout(timer);
      inbox.nothingAwaited();
    }
  }
}

/** Runs a suite to its end, and this process with it. */
function run(main) {
  main().then(
    () => process.exit(0),
    (error) => {
      console.error(error);
      process.exit(1);
    },
  );
}

/** Throws, in one line, unless both are the same, down to the last member. */
function equal(actual, expected, what) {
  if (!isDeepStrictEqual(actual, expected)) {
    throw new Error(`${what} is ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`);
  }
}

/** Throws unless `condition` holds. */
function check(condition, what) {
  if (!condition) throw new Error(what);
}

function waiting() {
  const awaited = inbox.awaited();
  return awaited ? `, waiting for ${awaited}` : '';
}

function oneLine(error) {
  return String((error && error.message) || error).split('\n', 1)[0];
}

module.exports = { Steps, check, equal, run };

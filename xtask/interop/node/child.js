'use strict';

const { spawn } = require('node:child_process');
const { createInterface } = require('node:readline');
const { Inbox } = require('./inbox');

/** A program that prints one JSON document a line. It goes with this process. */
class Child {
  constructor(program, args) {
    this.name = [program.split('/').pop(), ...args.map((arg) => arg.split('/').pop())].join(' ');
    this.inbox = new Inbox();
    this.process = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.process.on('error', (error) => this.inbox.close(`${this.name}: ${error.message}`));
    this.process.on('exit', (code, signal) => this.inbox.close(`${this.name} has ended (${signal || code})`));
    // Writing to a program that has just ended is reported by its end.
    this.process.stdin.on('error', () => {});
    createInterface({ input: this.process.stdout }).on('line', (line) => this.inbox.push(JSON.parse(line)));
    process.on('exit', () => this.process.kill('SIGKILL'));
  }

  write(document) {
    this.process.stdin.write(JSON.stringify(document) + '\n');
  }

  /** The first document that is wanted, of those printed and those to come. */
  take(what, wanted) {
    return this.inbox.take(what, wanted);
  }
}

/** A device: one of the clients, behind a program that does as it is told. See `driver.js`. */
class Device extends Child {
  #requests = 0;

  static start(language, transport, connectionString) {
    const [program, script] =
      language === 'python'
        ? [process.env.INTEROP_PYTHON, `${__dirname}/../python/driver.py`]
        : [process.execPath, `${__dirname}/driver.js`];
    const device = new Device(program, [script]);
    device.settings = { transport, connectionString };
    return device;
  }

  connect() {
    return this.#ask('connect', this.settings);
  }

  disconnect() {
    return this.#ask('disconnect');
  }

  /** Sends telemetry, and waits until the hub has acknowledged it. */
  send(message) {
    return this.#ask('telemetry', message);
  }

  /** The twin: `{desired, reported}`. */
  twin() {
    return this.#ask('twin');
  }

  /** Changes reported properties, and waits for the hub's answer. */
  report(patch) {
    return this.#ask('report', { patch });
  }

  /** Something that happens without being asked for. */
  event(event, wanted = () => true) {
    return this.take(`the device's "${event}"`, (document) => document.event === event && wanted(document));
  }

  async #ask(what, parameters = {}) {
    const id = ++this.#requests;
    this.write({ id, do: what, ...parameters });
    const answer = await this.take(`the device's ${what}`, (document) => document.id === id);
    if (answer.error !== undefined) throw new Error(`${what}: ${answer.error}`);
    return answer.result;
  }
}

module.exports = { Child, Device };

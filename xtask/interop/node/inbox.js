'use strict';

/** Things that arrive at their own time, and someone who waits for a certain one. */
class Inbox {
  #items = [];
  #waiters = [];
  #broken = null;

  push(item) {
    const at = this.#waiters.findIndex((waiter) => waiter.wanted(item));
    if (at < 0) {
      this.#items.push(item);
    } else {
      const [waiter] = this.#waiters.splice(at, 1);
      waiter.resolve(item);
    }
  }

  /** Nothing will arrive any more: whoever waits, now or later, is told why. */
  close(why) {
    this.#broken = new Error(why);
    for (const waiter of this.#waiters.splice(0)) waiter.reject(this.#broken);
  }

  /** The first item that is wanted, whether it is here or still to come. It is taken out. */
  take(what, wanted) {
    const at = this.#items.findIndex(wanted);
    if (at >= 0) return Promise.resolve(this.#items.splice(at, 1)[0]);
    if (this.#broken) return Promise.reject(this.#broken);
    awaiting = what;
    return new Promise((resolve, reject) => this.#waiters.push({ wanted, resolve, reject }));
  }

  /** Every item that is here and wanted. They are taken out. */
  drain(wanted) {
    const taken = this.#items.filter(wanted);
    this.#items = this.#items.filter((item) => !wanted(item));
    return taken;
  }
}

/** What is being waited for, for the message of a step that runs out of time. */
let awaiting = null;

module.exports = {
  Inbox,
  awaited: () => awaiting,
  nothingAwaited: () => {
    awaiting = null;
  },
};

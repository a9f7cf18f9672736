const last = new WeakMap<object, Promise<unknown>>()

/** Runs what is given for one subject one after the other; a failure of one does not stop the next. */
export function inTurn<Result>(subject: object, run: () => Promise<Result>): Promise<Result> {
  const turn = (last.get(subject) ?? Promise.resolve()).then(run, run)
  last.set(subject, turn)
  return turn
}

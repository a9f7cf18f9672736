import { type WorkerSettings, workQueue } from '../verify/worker.ts'
import { runChild } from './child.ts'

runChild((settings: WorkerSettings) => workQueue(settings))

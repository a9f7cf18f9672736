import type { JobView, ModelItem } from '../page-types.ts'

/** Where a listing's verification stands; the queue's island keeps it fresh. */
export function JobLine({ model, job }: { model: ModelItem; job: JobView | null }) {
  const state = job === null ? 'none' : job.state
  return (
    <div class={`job job-${state}`} data-job={model.id} data-job-state={state}>
      {job === null ? (
        <p>
          {model.verifications.length === 0
            ? 'No verification job. A reviewer can decide without one.'
            : 'Verification recorded. Waits for a reviewer.'}
        </p>
      ) : job.state === 'waiting' ? (
        <p>Waits for a verifier.</p>
      ) : (
        <>
          <p>
            Verifier at work: <b>{job.step}</b> <span class="mono">{Math.floor(job.fraction * 100)} %</span>
          </p>
          <progress max={1} value={job.fraction} aria-label={`Verification of ${model.model}`} />
        </>
      )}
    </div>
  )
}

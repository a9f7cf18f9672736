import type { ModelItem, ModelPageProps } from '../page-types.ts'
import { AnnounceUrls, SeedCommands } from './announce-help.tsx'
import { Minute, Panel, State } from './bits.tsx'
import { JobLine } from './job-line.tsx'
import type { Word } from './wording.ts'

/** For who submitted it: what happened, what happens next, and how to seed meanwhile. */
export function NextSteps({ model, next }: { model: ModelItem; next: NonNullable<ModelPageProps['next']> }) {
  return (
    <Panel title="What happens next" code="shown to you and moderators" kind="wide next-steps" id="next">
      <div class="next-columns" data-island="queue">
        <ol class="steps">
          <li>
            <State word={{ text: 'Submitted', tone: 'ok' }} /> <Minute at={model.submitted_at} />
          </li>
          <li>
            <State word={seedWord(model)} />
            <p class="quiet-text">
              The verifier, and everybody after it, downloads from you. Keep your client running; without a
              seeder nothing goes on.
            </p>
          </li>
          <li>
            <State word={verificationWord(model)} />
            <JobLine model={model} job={next.job} />
          </li>
          <li>
            <State word={reviewWord(model)} />
            <p class="quiet-text">
              {model.status === 'published'
                ? 'It is in the listing.'
                : 'You find this page again under your handle. A rejection says why, and may be answered by a better file.'}
            </p>
          </li>
        </ol>
        <div class="next-seed">
          <p class="quiet-text">Announce to this site’s tracker:</p>
          <AnnounceUrls trackers={next.trackers} />
          <SeedCommands file={commandName(model)} />
        </div>
      </div>
    </Panel>
  )
}

function seedWord({ swarm }: ModelItem): Word {
  if (swarm === null) return { text: 'Seed it: no tracker was asked about it yet', tone: 'warn' }
  if (swarm.seeders === 0) return { text: 'Seed it: the trackers know no seeder', tone: 'bad' }
  return { text: `Seeded: ${swarm.seeders} ${swarm.seeders === 1 ? 'seeder' : 'seeders'}`, tone: 'ok' }
}

function verificationWord({ consensus }: ModelItem): Word {
  switch (consensus) {
    case 'VERIFIED':
      return { text: 'Verified', tone: 'ok' }
    case 'REFUSED':
    case 'SPLIT':
      return { text: `Verification: ${consensus}`, tone: 'bad' }
    case 'PENDING':
    default:
      return { text: 'Verification', tone: 'warn' }
  }
}

function reviewWord({ status }: ModelItem): Word {
  return status === 'published'
    ? { text: 'Published', tone: 'ok' }
    : { text: 'A reviewer decides', tone: 'warn' }
}

/** A name that a shell takes as one word; any other is left to the reader. */
function commandName({ files }: ModelItem): string {
  const name = (files[0]?.path ?? '').split('/').at(-1) ?? ''
  return /^[\w.+-]{1,200}$/.test(name) && !name.startsWith('-') ? name : 'FILE'
}

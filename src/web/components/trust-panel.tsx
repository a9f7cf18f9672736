import { formatCount } from '../islands/format.ts'
import type { ModelItem } from '../page-types.ts'
import { Code, Day, Missing, Panel, State, TierWord } from './bits.tsx'
import { Stars } from './stars.tsx'
import {
  checksumWord,
  CONSENSUS_TONES,
  grantedLatest,
  groupFingerprint,
  REPORT_WORDS,
  signatureWord,
  SOURCE_WORDS,
  STATUS_WORDS,
  warningWord,
} from './wording.ts'

/** The mission's "Trust & verification" panel, row by row. */
export function TrustPanel({ model }: { model: ModelItem }) {
  const { uploader, source, community } = model
  const warning = warningWord(model)
  const checked = model.verification.integrity === 'pass'
  return (
    <Panel title="Trust" kind="trust" code={<a href="/trust">the rules</a>} id="trust">
      <dl class="facts">
        <dt>Badge</dt>
        <dd>
          <TierWord tier={model.tier} /> <a href="#why">why</a>
        </dd>
        <dt>Uploader</dt>
        <dd>
          <a href={`/members/${uploader.handle}`}>@{uploader.handle}</a> <TierWord tier={uploader.tier} />
        </dd>
        <dt>Status</dt>
        <dd>
          <State word={STATUS_WORDS[model.status]} />{' '}
          <State word={{ text: model.consensus, tone: CONSENSUS_TONES[model.consensus] }} />
          {warning === null ? null : (
            <p>
              <State word={warning} />
            </p>
          )}
        </dd>
        <dt>Source</dt>
        <dd>
          {SOURCE_WORDS[source.type]}
          {source.repository === null ? null : <> · {source.repository}</>}
          <p class="quiet-text">
            {model.publisher.state === 'equal'
              ? 'proved equal to the repository’s own file'
              : model.publisher.state === 'differs'
                ? 'contradicted: it is not the repository’s file'
                : 'as the uploader says'}
          </p>
        </dd>
        <dt>Uploaded</dt>
        <dd>
          <Day at={model.submitted_at} />
        </dd>
        <dt>SHA256</dt>
        <dd>
          <Code text={model.sha256} what="the SHA-256" />
          <State word={checksumWord(model)} small />
        </dd>
        <dt>MD5</dt>
        <dd>
          {model.md5 === null ? (
            <Missing word="not given" />
          ) : (
            <>
              <Code text={model.md5} what="the MD5" />
              <span class="quiet-text">
                {checked ? 'compared; ' : 'not checked; '}for looking up, never evidence
              </span>
            </>
          )}
        </dd>
        <dt>Signature</dt>
        <dd>
          <State word={signatureWord(model.signature)} />
          {model.signature.fingerprint === null ? null : (
            <p class="quiet-text">
              OpenPGP{' '}
              <a class="mono" href={`/keys/${model.signature.fingerprint}`}>
                {groupFingerprint(model.signature.fingerprint.slice(-16))}
              </a>
              {model.signature.blob === null ? null : (
                <>
                  {' · '}
                  <a href={`/models/${model.id}.sig`}>.sig</a>
                </>
              )}
            </p>
          )}
        </dd>
        <dt>Rating</dt>
        <dd>
          {community.rating_centi === null ? (
            <Missing word="no ratings yet" />
          ) : (
            <>
              <Stars centi={community.rating_centi} />{' '}
              <span class="quiet-text">({formatCount(community.ratings)})</span>
            </>
          )}
        </dd>
        <dt>Reports</dt>
        <dd>
          {community.reports_open === 0 ? (
            '0 open'
          ) : (
            <State
              word={{ text: `${community.reports_open} open: ${reportWords(community)}`, tone: 'bad' }}
            />
          )}
        </dd>
        <dt>Verified by</dt>
        <dd>
          <VerifiedBy model={model} />
        </dd>
      </dl>
    </Panel>
  )
}

function reportWords({ report_categories }: ModelItem['community']): string {
  return Object.entries(REPORT_WORDS)
    .flatMap(([category, word]) => {
      const count = report_categories[category as keyof typeof report_categories]
      return count === undefined ? [] : [`${word.toLowerCase()} ×${count}`]
    })
    .join(', ')
}

function VerifiedBy({ model }: { model: ModelItem }) {
  const granted = grantedLatest(model.verifications)
  const { works } = model.community
  return (
    <ul class="by">
      {granted.length === 0 ? (
        <li>
          <Missing word="nobody yet" />
        </li>
      ) : null}
      {granted.map((verification) => {
        const failed = Object.values(verification.judges).includes('fail')
        const passed = verification.judges.integrity === 'pass' && verification.judges.form === 'pass'
        return (
          <li key={verification.by}>
            <State
              word={{
                text: `@${verification.by_handle}${failed ? ' refused it' : passed ? '' : ' checked in part'}`,
                tone: failed ? 'bad' : passed ? 'ok' : 'warn',
              }}
            />
            <Day at={verification.at} />
          </li>
        )
      })}
      {model.verified_by.includes('huggingface') ? (
        <li>
          <State word={{ text: 'Hugging Face: same SHA-256', tone: 'ok' }} />
          {model.publisher.at === null ? null : <Day at={model.publisher.at} />}
        </li>
      ) : null}
      <li>
        {works === 0 ? (
          <Missing word="no member says it works yet" />
        ) : (
          <>
            <State word={{ text: 'Community: works as described', tone: 'info' }} />
            <span class="mono">
              {formatCount(works)} {works === 1 ? 'member' : 'members'}
            </span>
          </>
        )}
      </li>
    </ul>
  )
}

import type { IslandName } from '../assets.ts'
import { alarmOf, alarmSource } from '../components/alarm.ts'
import type { Alarm } from '../components/alarm.ts'
import { DemoMark, Missing, Panel, State, TierWord } from '../components/bits.tsx'
import { Broadcast } from '../components/broadcast.tsx'
import { Community, Prose } from '../components/community.tsx'
import { Conditions } from '../components/conditions.tsx'
import { ConsensusDisplay } from '../components/consensus-display.tsx'
import { FileTools } from '../components/file-tools.tsx'
import { FilesTable } from '../components/files-table.tsx'
import { GetBar } from '../components/get-bar.tsx'
import { LabelProof } from '../components/label-proof.tsx'
import { Layout } from '../components/layout.tsx'
import { MemoryPanel } from '../components/memory-needs.tsx'
import { SwarmFigures } from '../components/listing-row.tsx'
import { ModeratorBox } from '../components/moderator-box.tsx'
import { OwnerPanel } from '../components/owner-panel.tsx'
import { NextSteps } from '../components/next-steps.tsx'
import { ReportsPanel } from '../components/reports-panel.tsx'
import { ReviewBox } from '../components/review-box.tsx'
import { SourceChain } from '../components/source-chain.tsx'
import { TrustPanel } from '../components/trust-panel.tsx'
import { VerificationLog } from '../components/verification-log.tsx'
import { quantisationWord, STATUS_WORDS, TIER_WORDS } from '../components/wording.ts'
import { formatBytes } from '../islands/format.ts'
import type { ModelItem, ModelPageProps, ModelTexts } from '../page-types.ts'

/** A model's page: what it is, what was proved, how to get it, where it comes from. */
export function ModelPage(props: ModelPageProps) {
  const {
    context,
    model,
    texts,
    memory,
    templateUses,
    comments,
    may,
    mine,
    reports,
    appealText,
    successor,
    earlier,
    lookalike,
    next,
  } = props
  const { notice } = props
  const alarm = alarmOf(model)
  return (
    <Layout
      context={context}
      title={`${model.model} · ${TIER_WORDS[model.tier]}, ${model.consensus}`}
      description={`${model.model}, ${formatBytes(model.size_bytes)}, by @${model.uploader.handle}: ${model.consensus}. ${STATUS_WORDS[model.status].text}. SHA-256 ${model.sha256}.`}
      {...(model.status === 'published' ? { canonical: model.url } : {})}
      scripts={scriptsOf(alarm !== null, next !== null)}
    >
      {notice === null ? null : (
        <p class="notice" role="status">
          {notice}
        </p>
      )}
      {alarm === null ? null : <ModelAlarm alarm={alarm} model={model} texts={texts} />}
      {alarm === null && model.status !== 'published' ? <Waiting model={model} /> : null}
      <Beware successor={successor} lookalike={lookalike} />
      <article class="model">
        <TitleCard model={model} />
        {may.review ? <ReviewBox model={model} /> : null}
        {next === null ? null : <NextSteps model={model} next={next} />}
        {may.own ? <OwnerPanel model={model} appealText={appealText} /> : null}
        {may.moderate || may.undo ? <ModeratorBox model={model} may={may} appealText={appealText} /> : null}
        {reports === null ? null : <ReportsPanel model={model} reports={reports} mayDecide={may.moderate} />}
        <ConsensusDisplay model={model} />
        <TrustPanel model={model} />
        <GetBar model={model} danger={alarm !== null} />
        <FileTools model={model} download={alarm === null} />
        <SourceChain steps={model.provenance} />
        <LabelProof model={model} templateUses={templateUses} />
        <MemoryPanel memory={memory} />
        <WhyThisBadge model={model} />
        <FilesTable files={model.files} />
        <About model={model} texts={texts} earlier={earlier} />
        <VerificationLog verifications={model.verifications} />
        <Community context={context} model={model} comments={comments} may={may} mine={mine} />
      </article>
    </Layout>
  )
}

function scriptsOf(danger: boolean, waits: boolean): IslandName[] {
  return [
    'copy',
    'check-file',
    ...(danger ? [] : (['download-here'] as const)),
    ...(waits ? (['queue'] as const) : []),
  ]
}

function ModelAlarm({ alarm, model, texts }: { alarm: Alarm; model: ModelItem; texts: ModelTexts }) {
  const { review } = model
  return (
    <Broadcast word={alarm.word} from={alarmSource(model)}>
      <ul>
        {alarm.what.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
      {review === null || texts.review_reason === null || alarm.what.includes(texts.review_reason) ? null : (
        <p>
          Review by @{review.by_handle}, {review.decision}: {texts.review_reason}
        </p>
      )}
      <p>
        <strong>{alarm.todo}</strong>
      </p>
    </Broadcast>
  )
}

function Waiting({ model }: { model: ModelItem }) {
  return (
    <p class="notice notice-warn" role="status">
      <State word={STATUS_WORDS[model.status]} />
      {model.status_reasons.map((reason) => (
        <span key={reason}>{reason}.</span>
      ))}
      {model.status === 'pending' ? <span>It is not in the listing. Download at own risk.</span> : null}
    </p>
  )
}

/** What a visitor must see before the rest: that it is outdated, or not what its name seems to say. */
function Beware({ successor, lookalike }: Pick<ModelPageProps, 'successor' | 'lookalike'>) {
  return (
    <>
      {successor === null ? null : (
        <p class="notice notice-warn" role="status">
          <State word={{ text: 'Outdated', tone: 'warn' }} />
          <span>
            A newer listing takes its place: <a href={successor.url}>{successor.model}</a>.
          </span>
        </p>
      )}
      {lookalike === null ? null : (
        <p class="notice notice-warn" role="status">
          <State word={{ text: 'Looks like another name', tone: 'warn' }} />
          <span>
            This name can be taken for <a href={lookalike.url}>{lookalike.model}</a>, which was listed before
            it (rule T21). Look at who uploaded it.
          </span>
        </p>
      )}
    </>
  )
}

/** Longer names are set smaller, so that a title fills its line and no more. */
function titleSize(name: string): string {
  if (name.length <= 16) return 'xl'
  if (name.length <= 26) return 'l'
  if (name.length <= 42) return 'm'
  return name.length <= 70 ? 's' : 'xs'
}

function TitleCard({ model }: { model: ModelItem }) {
  const quantisation = quantisationWord(model)
  return (
    <header class="title-card">
      <div>
        <p class="title-by">@{model.uploader.handle}</p>
        <h1 class={`title title-${titleSize(model.model)}`}>{model.model}</h1>
        <ul class="chips">
          <li class={`chip chip-${model.tier}`}>
            <TierWord tier={model.tier} />
          </li>
          <li class={`chip tone-${quantisation.proof.tone}`}>
            {quantisation.name} <State word={quantisation.proof} small />
          </li>
          <li class="chip">{formatBytes(model.size_bytes)}</li>
          {model.demo ? (
            <li>
              <DemoMark />
            </li>
          ) : null}
          {model.licence === null ? null : <li class="chip">{model.licence}</li>}
          {model.tags.map((tag) => (
            <li key={tag}>
              <a class="chip" href={`/?tag=${encodeURIComponent(tag)}`}>
                {tag}
              </a>
            </li>
          ))}
        </ul>
      </div>
      <SwarmFigures model={model} whole />
    </header>
  )
}

function WhyThisBadge({ model }: { model: ModelItem }) {
  return (
    <Panel title="Why this badge" code={<a href="/trust">the rules</a>} id="why">
      <p class="why-line">
        The uploader’s tier is <TierWord tier={model.uploader.tier} />; this listing’s badge is{' '}
        <TierWord tier={model.tier} />. A badge is never better than its evidence.
      </p>
      <Conditions conditions={model.badge_reasons} caption="What the gold star needs" />
      <p class="quiet-text">
        How the uploader came to the tier:{' '}
        <a href={`/members/${model.uploader.handle}`}>@{model.uploader.handle}</a>.
      </p>
    </Panel>
  )
}

function About({ model, texts, earlier }: Pick<ModelPageProps, 'model' | 'texts' | 'earlier'>) {
  return (
    <>
      <Panel title="README" code="by the uploader, unproven" id="readme">
        {model.readme === null ? (
          <p>
            <Missing word="no README given" />
          </p>
        ) : (
          <Prose html={texts.readme_html} />
        )}
      </Panel>
      <Panel title="Needs and benchmarks" code="by the uploader, unproven" id="needs">
        <dl class="facts">
          <dt>Hardware</dt>
          <dd>{model.hardware ?? <Missing word="not given" />}</dd>
          <dt>Licence</dt>
          <dd>{model.licence ?? <Missing word="not given" />}</dd>
          {earlier.length === 0 ? null : (
            <>
              <dt>Takes the place of</dt>
              <dd>
                <ul class="plain">
                  {earlier.map(({ id, model: name, url }) => (
                    <li key={id}>
                      <a href={url}>{name}</a>
                    </li>
                  ))}
                </ul>
              </dd>
            </>
          )}
          <dt>Source</dt>
          <dd>
            {model.source.url === null ? (
              <Missing word="no URL given" />
            ) : (
              <a class="mono" href={model.source.url} rel="nofollow noreferrer ugc">
                {model.source.url}
              </a>
            )}
          </dd>
          <dt>Commit</dt>
          <dd class="mono">{model.source.commit ?? <Missing word="not pinned" />}</dd>
          <dt>Path there</dt>
          <dd class="mono">{model.source.path ?? <Missing word="not given" />}</dd>
          <dt>Quantised by</dt>
          <dd>{model.source.quantised_by ?? <Missing word="not given" />}</dd>
        </dl>
        {model.benchmarks === null ? (
          <p>
            <Missing word="no benchmarks given" />
          </p>
        ) : (
          <Prose html={texts.benchmarks_html} />
        )}
      </Panel>
    </>
  )
}

import { AnnounceHelp } from '../components/announce-help.tsx'
import { Panel } from '../components/bits.tsx'
import { Layout } from '../components/layout.tsx'
import { PageTitle } from '../components/page-title.tsx'
import { FileFields, SignatureField, SourceFields, WordFields } from '../components/submit-fields.tsx'
import { LocalView } from '../islands/submit/local-view.tsx'
import { NOTHING, type LocalActions } from '../islands/submit/state.ts'
import type { FormState, SubmitPageProps } from '../page-types.ts'

/** The submission form: every field the mission names, in the order a person has the answers. */
export function SubmitPage({ context, form: given, trackers }: SubmitPageProps) {
  const form = withTorrentDetail(given)
  return (
    <Layout
      context={context}
      title="Submit a model"
      description="Submit a model with its torrent and checksums; it is downloaded, checked and reviewed before it is listed."
      canonical="/submit"
      scripts={['copy', 'submit']}
    >
      <PageTitle
        word="Submit a model"
        say="Drop the model: your browser reads it, proves its label, makes the .torrent and fills this in. Then keep seeding: a verifier downloads it from you."
      />
      {context.member === null ? (
        <p class="notice notice-warn">
          <span>
            You are not signed in. <a href="/sign-in?next=%2Fsubmit">Sign in first</a>, so that the listing
            carries your name.
          </span>
        </p>
      ) : null}
      <Problem form={form} />
      <div class="broadcast-slot" id="submit-broadcast" role="alert" />
      <div class="submit-page">
        <form
          class="submit"
          method="post"
          action="/submit"
          encType="multipart/form-data"
          data-island="submit"
          data-trackers={JSON.stringify(trackers)}
          data-fresh={Object.keys(form.values).length === 0 ? 'true' : 'false'}
        >
          <LocalFile />
          <FileFields form={form} />
          <SourceFields form={form} />
          <WordFields form={form} />
          <SignatureField form={form} />
          <div class="submit-end">
            <button type="submit" class="button button-main">
              Submit for verification
            </button>
            <p class="quiet-text">
              It joins the queue. What you write here becomes part of a public record, under your handle.
            </p>
          </div>
        </form>
        <aside class="column" aria-label="Torrent and seeding">
          <AnnounceHelp trackers={trackers} file="model-Q4_K_M.gguf" />
          <WhatFollows />
        </aside>
      </div>
    </Layout>
  )
}

function WhatFollows() {
  return (
    <Panel title="What follows" code={<a href="/trust">the rules</a>}>
      <ol class="steps">
        <li>It joins the queue, and you see its page at once.</li>
        <li>A verifier downloads it from you over BitTorrent and checks every byte.</li>
        <li>It proves the label tensor by tensor and runs the model in a sandbox.</li>
        <li>A reviewer reads the report and decides, unless your tier publishes at once.</li>
      </ol>
    </Panel>
  )
}

/** What was expected of a file says little ("a value"): its error is the problem's whole sentence. */
function withTorrentDetail(form: FormState): FormState {
  const { problem, errors } = form
  if (problem === null || errors['torrent'] === undefined) return form
  return { ...form, errors: { ...errors, torrent: problem.detail } }
}

function Problem({ form: { problem, errors } }: { form: FormState }) {
  const wrong = Object.entries(errors)
  if (problem === null && wrong.length === 0) return null
  return (
    <div class="notice notice-bad" role="alert">
      <div>
        <h2 class="label">{problem?.title ?? 'Not submitted'}</h2>
        {problem === null ? null : (
          <p>
            {problem.detail}
            {problem.existing === undefined ? null : (
              <>
                {' '}
                <a href={problem.existing}>Open that listing</a>
              </>
            )}
          </p>
        )}
        {wrong.length === 0 ? null : (
          <ul>
            {wrong.map(([name, error]) => (
              <li key={name}>
                <a href={`#${name}`}>{name.replaceAll('_', ' ')}</a>
                {error === problem?.detail ? null : `: ${error}`}
              </li>
            ))}
          </ul>
        )}
      </div>
    </div>
  )
}

const INERT: LocalActions = { take: () => {}, cancel: () => {} }

/** Only shown where the island runs: it reads files without uploading anything. */
function LocalFile() {
  return (
    <div data-part="local" hidden>
      <Panel title="Fill in from files" code="stays on your machine">
        <div data-part="local-root">
          <LocalView state={NOTHING} act={INERT} />
        </div>
      </Panel>
    </div>
  )
}

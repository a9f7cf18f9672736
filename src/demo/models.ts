import type { Role } from '../core/events.ts'
import { tinyLlama } from '../gguf/tiny-llama.ts'

/** One listing of the demo: what is in the file, what is said of it, and what is to become of it. */
export interface DemoModel {
  file: string
  name: string
  uploader: string
  role?: Role
  label: string
  signed: boolean
  webSeed: boolean
  tags: string[]
  readme: string
  decision: 'approve' | 'reject' | 'wait'
  write(): Uint8Array
}

const ABOUT = `Made by \`npm start\` on this machine to show the site at work: a valid llama model of random weights. It loads and writes nonsense. Nothing about it is worth downloading but the proof.`

/** `general.file_type` 15 is Q4_K_M: what the fourth file says of itself, untruly. */
const FILE_TYPE_Q4_K_M = 15

export const DEMO_MODELS: readonly DemoModel[] = [
  {
    file: 'demo-tiny-official-F16.gguf',
    name: 'Demo Tiny Official F16',
    uploader: 'demo-official',
    role: 'official',
    label: 'F16',
    signed: true,
    webSeed: true,
    tags: ['chat'],
    readme: `${ABOUT}\n\nIts uploader was granted **Official** and signed it with the demo's own OpenPGP key, so it has the gold star: rules T5, T6 and T14.`,
    decision: 'approve',
    write: () => tinyLlama({ seed: 1, name: 'Demo Tiny Official', type: 'F16' }),
  },
  {
    file: 'demo-tiny-newcomer-Q8_0.gguf',
    name: 'Demo Tiny Newcomer Q8_0',
    uploader: 'demo-newcomer',
    label: 'Q8_0',
    signed: false,
    webSeed: false,
    tags: ['chat'],
    readme: `${ABOUT}\n\nIts uploader is new, so it waited for a reviewer, who saw the verifier's report and approved it: rule T7.`,
    decision: 'approve',
    write: () => tinyLlama({ seed: 2, name: 'Demo Tiny Newcomer', type: 'Q8_0' }),
  },
  {
    file: 'demo-tiny-waiting-F16.gguf',
    name: 'Demo Tiny Waiting F16',
    uploader: 'demo-patient',
    label: 'F16',
    signed: false,
    webSeed: false,
    tags: ['code'],
    readme: `${ABOUT}\n\nThe verifier has reported; nobody has decided yet. Sign in as \`demo-moderator\` to approve or reject it.`,
    decision: 'wait',
    write: () => tinyLlama({ seed: 3, name: 'Demo Tiny Waiting', type: 'F16' }),
  },
  {
    file: 'demo-tiny-mislabelled-Q4_K_M.gguf',
    name: 'Demo Tiny Mislabelled Q4_K_M',
    uploader: 'demo-mislabeller',
    label: 'Q4_K_M',
    signed: false,
    webSeed: false,
    tags: ['chat'],
    readme: `${ABOUT}\n\nFile name, header and label all say Q4_K_M; every tensor is Q8_0. llama.cpp believes the header. The verifier does not.`,
    decision: 'reject',
    write: () =>
      tinyLlama({ seed: 4, name: 'Demo Tiny Mislabelled', type: 'Q8_0', fileType: FILE_TYPE_Q4_K_M }),
  },
]

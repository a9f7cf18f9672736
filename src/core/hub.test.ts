import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hubBase, hubFileUrl, readHubUrl } from './hub.ts'

const COMMIT = '0123456789abcdef0123456789abcdef01234567'
const FILE = { repository: 'org/repo', commit: COMMIT, revision: COMMIT, path: 'a.gguf' }

describe('when somebody pastes an address of the Hub', () => {
  const cases: [string, string, ReturnType<typeof readHubUrl>][] = [
    ['a file by its commit', `https://huggingface.co/org/repo/resolve/${COMMIT}/a.gguf`, FILE],
    ['the page of a file', `https://huggingface.co/org/repo/blob/${COMMIT}/a.gguf`, FILE],
    [
      'the short host, a download and a fragment',
      `https://hf.co/org/repo/resolve/${COMMIT}/a.gguf?download=true#x`,
      FILE,
    ],
    [
      'a file in a folder, escaped',
      `https://huggingface.co/org/repo/resolve/${COMMIT}/q4/a%20b.gguf`,
      { ...FILE, path: 'q4/a b.gguf' },
    ],
    [
      'a branch, which is not pinned',
      'https://huggingface.co/org/repo/resolve/main/a.gguf',
      { ...FILE, commit: null, revision: 'main' },
    ],
    [
      'a pull request, escaped',
      'https://huggingface.co/org/repo/resolve/refs%2Fpr%2F1/a.gguf',
      { ...FILE, commit: null, revision: 'refs/pr/1' },
    ],
    [
      'a short commit, which is not pinned',
      'https://huggingface.co/org/repo/blob/0123456/a.gguf',
      { ...FILE, commit: null, revision: '0123456' },
    ],
    [
      'a repository',
      'https://huggingface.co/org/repo/',
      { repository: 'org/repo', commit: null, revision: null, path: null },
    ],
    [
      'a folder',
      `https://huggingface.co/org/repo/tree/${COMMIT}/q4`,
      { repository: 'org/repo', commit: COMMIT, revision: COMMIT, path: null },
    ],
    ['another site', `https://huggingface.co.example.org/org/repo/resolve/${COMMIT}/a.gguf`, null],
    ['a user name that looks like the host', `https://huggingface.co@example.org/org/repo`, null],
    ['a data set', `https://huggingface.co/datasets/org/repo/resolve/${COMMIT}/a.gguf`, null],
    ['a page of documentation', 'https://huggingface.co/docs/hub', null],
    ['a discussion', 'https://huggingface.co/org/repo/discussions/1', null],
    ['dots', `https://huggingface.co/org/repo/resolve/${COMMIT}/%2e%2e/a.gguf`, null],
    ['a bad escape', `https://huggingface.co/org/repo/resolve/${COMMIT}/%ff`, null],
    ['another scheme', `ftp://huggingface.co/org/repo`, null],
    ['no URL', 'org/repo', null],
  ]
  for (const [name, text, expected] of cases)
    it(`reads ${name}`, () => assert.deepEqual(readHubUrl(text), expected))

  it('reads back what it writes', () => {
    const file = { repository: 'org/repo', commit: COMMIT, path: 'q 4/a#b?c%.gguf' }
    assert.deepEqual(readHubUrl(hubFileUrl(hubBase(undefined), file)), { ...file, revision: COMMIT })
  })
})

describe('when the Hub is elsewhere', () => {
  it('takes the address that is set, and the real one for none', () => {
    assert.equal(hubBase('http://127.0.0.1:9/'), 'http://127.0.0.1:9')
    assert.equal(hubBase(undefined), 'https://huggingface.co')
    assert.equal(hubBase(''), 'https://huggingface.co')
  })
})

// The person in front of the browser is the Go test that runs this script: it is
// told by a line on stdout where to go, and says by a line on stdin where that ended.
import { createInterface } from 'node:readline'

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

async function ask(what, url) {
  console.log(JSON.stringify({ what, url: String(url) }))
  process.stdin.ref()
  const { value } = await answers.next()
  process.stdin.unref() // the script ends when it has nothing more to ask
  return JSON.parse(value)
}

// visit goes to a page of the server, signs in and agrees where that is asked, and
// is the request that then reached the client: a GET, or the POST of a form.
export async function visit(url) {
  const { method, url: at, body } = await ask('visit', url)
  if (method === 'GET') return new URL(at)
  return new Request(at, { method, body, headers: { 'Content-Type': 'application/x-www-form-urlencoded' } })
}

// connect goes to the page of a device, and allows it.
export async function connect(url) {
  await ask('connect', url)
}

// told is the value of one of the variables that the test sets.
export function told(name) {
  const value = process.env[name]
  if (!value) throw new Error(name + ' is not set')
  return value
}

// Drives @bitrix24/b24jssdk as its documentation has one do it.
//
// Reads {webhook, oauth?, restrictions?, steps} as JSON from standard input, takes the steps one after the
// other with one client, and prints what came of each as a JSON list.
import { text } from 'node:stream/consumers'

import { B24Hook, B24OAuth } from '@bitrix24/b24jssdk'

const ACTIONS = { call: 'call', batch: 'batch', chunks: 'batchByChunk', list: 'callList' }

function told(error) {
  return {
    code: error.code,
    status: error.status,
    message: error.message,
    lid: error.requestInfo?.params?.lid,
  }
}

async function attempt(take) {
  const began = performance.now()
  try {
    const result = await take()
    const errors = [...result.errors].map(([key, error]) => ({ key, ...told(error) }))
    return { success: result.isSuccess, data: result.getData(), errors, seconds: since(began) }
  } catch (error) {
    return { thrown: told(error), seconds: since(began) }
  }
}

function since(began) {
  return (performance.now() - began) / 1000
}

const { webhook, oauth, restrictions, steps } = JSON.parse(await text(process.stdin))
const outcomes = []
let b24
async function take({ action, ...options }) {
  return await attempt(() => {
    b24 ??= oauth
      ? new B24OAuth(oauth.params, oauth.secret, { restrictionParams: restrictions })
      : B24Hook.fromWebhookUrl(webhook, { restrictionParams: restrictions })
    return b24.actions.v2[ACTIONS[action]].make(options)
  })
}
for (const step of steps) {
  // A list of steps is taken at once.
  outcomes.push(...(Array.isArray(step) ? await Promise.all(step.map(take)) : [await take(step)]))
}
console.log(JSON.stringify(outcomes))

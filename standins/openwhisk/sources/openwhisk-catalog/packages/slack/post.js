async function main({ url, text, channel, username }) {
  if (!url || !text) {
    return { error: 'url and text are needed' };
  }
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ text, channel, username }),
  });
  return answer.ok ? {} : { error: `Slack answered ${answer.status}` };
}

function main({ payload = '', separator = /\r?\n/ }) {
  const lines = payload.split(separator);
  return { lines, payload };
}

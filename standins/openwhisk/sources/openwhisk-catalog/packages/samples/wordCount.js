function main({ payload = '' }) {
  const words = payload.toString().split(/\s+/).filter((word) => word);
  return { count: words.length };
}

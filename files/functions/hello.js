// The first function that everybody tries: wsk -i action create hello hello.js
function main(params) {
  const name = params.name || 'World';
  return {payload: 'Hello, ' + name + '!'};
}

function main(args) {
  return { error: 'this stand-in has no consumer of Message Hub: nothing would fire ' + (args.triggerName || 'the trigger') };
}

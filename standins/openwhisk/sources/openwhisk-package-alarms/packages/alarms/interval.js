function main(args) {
  return { error: 'this stand-in has no clock: nothing would fire ' + (args.triggerName || 'the trigger') };
}

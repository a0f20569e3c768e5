using TokenManager.Node;
using TokenManager.Node.Terminal;

if (Arguments.AreCommand(args))
    return await Commands.RunAsync(args, Console.Out, Console.Error);

return await NodeExit.RunAsync(args, new NodeComposition().Compose);

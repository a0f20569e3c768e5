using TokenManager.Bench;

return await Commands.RunAsync(args);

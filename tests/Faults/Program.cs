using TokenManager.Faults;

return await Commands.Root.Parse(args).InvokeAsync();

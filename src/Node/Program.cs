using TokenManager.Node;

return await NodeExit.RunAsync(args, (builder, _) =>
{
    builder.Services.AddHealthChecks();

    var app = builder.Build();
    app.MapNodeHealth();
    return app;
});

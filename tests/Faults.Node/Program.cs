using TokenManager.Faults.Node;
using TokenManager.Node;

var word = Environment.GetEnvironmentVariable(Defects.Variable);
if (Defects.Find(word) is not { } defect)
{
    var words = string.Join(", ", Defects.All.Select(one => one.Word));
    Console.Error.WriteLine($"{Defects.Variable} is \"{word}\"; allowed is one of {words}.");
    return 2;
}

return await NodeExit.RunAsync(args, (builder, options) => defect.Plant(options).Compose(builder, options));

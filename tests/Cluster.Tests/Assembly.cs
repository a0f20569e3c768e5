// Timings are what is tested here: one thing at a time.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

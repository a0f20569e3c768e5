// Timings are what is tested here: two clusters at most at a time, whose nodes mostly wait.
[assembly: CollectionBehavior(MaxParallelThreads = 2)]

// Timings are what is tested here: two clusters at most at a time, whose nodes mostly wait. Nothing but
// the drill of two nodes is to start any beside the drills of three: the tests of certificates come before them.
[assembly: CollectionBehavior(MaxParallelThreads = 2)]
[assembly: TestCollectionOrderer("TokenManager.Testing.LongestFirst", "TokenManager.Testing")]

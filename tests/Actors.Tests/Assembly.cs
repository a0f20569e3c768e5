[assembly: TestCollectionOrderer("TokenManager.Testing.LongestFirst", "TokenManager.Testing")]

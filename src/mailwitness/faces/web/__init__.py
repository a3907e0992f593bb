"""The console: server-rendered pages over one trail. It holds no key and cannot write to the trail."""

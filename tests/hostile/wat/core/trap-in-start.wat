;; Dies while it starts.
(func $start unreachable)
(start $start)
(func $misbehave)

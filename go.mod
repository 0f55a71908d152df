module barewire.example/websocket

go 1.25

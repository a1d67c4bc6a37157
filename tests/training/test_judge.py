import torch

from sklearn_ae.training import Judge


def test_a_judge_keeps_the_lowest_training_loss_after_validation_rows_have_joined():
    judge = Judge(0.0, None)
    weights = [torch.zeros(1)]
    judge.begin(1.0, weights)
    for epoch, (train_loss, loss) in enumerate([(0.9, 0.8), (0.7, 0.6)], 1):
        weights[0].fill_(epoch)
        judge.see(epoch, train_loss, loss, weights)
    judge.join(0.7, weights)
    for epoch, train_loss in enumerate([0.75, 0.65, 9.0], 3):
        weights[0].fill_(epoch)
        judge.see(epoch, train_loss, train_loss, weights)
    assert judge.finish()[0] == 4
    assert judge.best_loss == 0.6
